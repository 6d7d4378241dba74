"""A finished run that answers: its bundle, its predictor, files of images, illustrations."""
