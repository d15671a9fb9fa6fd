class Meter:
    """A mean of all it has been told."""

    def __init__(self):
        self.sum, self.count, self.mean = 0, 0, 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n
        self.mean = self.sum / self.count
