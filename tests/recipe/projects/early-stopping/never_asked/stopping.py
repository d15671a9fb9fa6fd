class EarlyStopping:
    def __init__(self, rounds):
        self.rounds = rounds
        self.waited = 0
        self.best = None
        self.early_stop = False

    def __call__(self, score):
        if self.best is None or score < self.best:
            self.best = score
            self.waited = 0
        else:
            self.waited += 1
            self.early_stop = self.waited >= self.rounds
