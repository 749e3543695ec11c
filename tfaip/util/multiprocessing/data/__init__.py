"""Labels: see `tfaip.util`."""
