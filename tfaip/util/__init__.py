"""A shelf of labels: names of tfaip 1.x whose code lives in other rooms now; nothing inside tfaip imports it."""
