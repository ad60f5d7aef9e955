"""What is measured, one module each, all with the same face: `harness.target.Peer`."""
