"""Package data only: bin/port-linker-tunnel, the QUIC sidecar of port-linker."""
