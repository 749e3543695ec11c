"""A scenario that trains in under a second: which side of a plane is a noisy point on."""
