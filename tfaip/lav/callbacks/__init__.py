"""What LAV does with samples and results besides counting."""
