"""The user's own data, read by the user's own code: loaders and data sets as streams of samples."""
