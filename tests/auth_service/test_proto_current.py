"""The committed code is what auth.proto generates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from auth_service.metrics import GRPC_SERVICE, METHODS
from auth_service.proto import auth_pb2, auth_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "auth_service/proto/auth.proto"


def test_generated_descriptors_are_current(tmp_path):
    """protoc's descriptor of auth.proto equals the one in the committed module."""
    out = tmp_path / "auth.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={out}"]
    subprocess.run([*command, SOURCE], cwd=ROOT, check=True)
    (current,) = FileDescriptorSet.FromString(out.read_bytes()).file
    committed = FileDescriptorProto()
    auth_pb2.DESCRIPTOR.CopyToProto(committed)
    for message in current.message_type:
        for field in message.field:
            field.ClearField("json_name")  # protoc adds it to sets, and not to generated code
    assert committed == current


def test_stub_and_servicer_have_the_methods():
    """The gRPC half of the generated code knows each method of the service."""
    (service,) = auth_pb2.DESCRIPTOR.services_by_name.values()
    assert service.full_name == GRPC_SERVICE
    assert tuple(method.name for method in service.methods) == METHODS
    for method in METHODS:
        assert hasattr(auth_pb2_grpc.AuthServiceServicer, method)
