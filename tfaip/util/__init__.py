"""A shelf of labels: names of tfaip 1.x whose code lives elsewhere now; nothing inside tfaip imports it."""
