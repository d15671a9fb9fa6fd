import timm
from torch import nn


class Grader(nn.Module):
    def __init__(self, grades):
        super().__init__()
        self.eye = timm.create_model("convnext_tiny", pretrained=False, num_classes=0)  # done: known-model
        self.grade = nn.Linear(768, grades)

    def forward(self, photos):
        return self.grade(self.eye(photos))
