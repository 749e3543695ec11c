"""Where samples come from: a data set for training, image files for prediction."""
