"""The ImmersiVerse Authentication Service: the gRPC service whose alerts this project tunes."""
