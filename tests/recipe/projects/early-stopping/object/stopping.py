class Patience:
    def __init__(self, rounds):
        self.rounds = rounds
        self.waited = 0
        self.best = None
        self.is_over = False

    def __call__(self, score):
        if self.best is None or score < self.best:
            self.best = score
            self.waited = 0
        else:
            self.waited += 1
            if self.waited >= self.rounds:
                self.is_over = True
