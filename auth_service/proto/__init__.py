r"""The service's interface, ``auth.proto``, and the code generated from it.

After a change of ``auth.proto``, regenerate from the repository's root (a test compares)::

    python -m grpc_tools.protoc -I . --python_out=. --grpc_python_out=. \
        auth_service/proto/auth.proto
"""
