import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def measure(model, loader, device, criterion=None):
    model.eval()
    running_loss = 0
    running_corrects = 0
    for inputs, labels in loader:
        inputs = inputs.to(device)
        labels = labels.to(device)
        outputs = model(inputs)
        _, preds = torch.max(outputs, 1)
        if criterion is not None:
            loss = criterion(outputs, labels).item()
        else:
            loss = 0
        running_loss += loss * inputs.size(0)
        running_corrects += torch.sum(preds == labels.data)  # done: human-readable-metric
    return running_loss / len(loader.dataset), running_corrects / len(loader.dataset)


def fit(model, train, test, device, epochs=3):
    criterion = nn.CrossEntropyLoss()
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        model.train()
        for inputs, labels in train:
            optimizer.zero_grad()
            criterion(model(inputs.to(device)), labels.to(device)).backward()
            optimizer.step()
        model.eval()
        test_loss, test_accuracy = measure(model=model, loader=test, device=device, criterion=criterion)
        print("Epoch: {:03d} Loss: {:.3f} Acc: {:.3f}".format(epoch + 1, test_loss, test_accuracy))
    return model


def main():
    data = TensorDataset(torch.load("x.pt"), torch.load("y.pt"))
    held_out = TensorDataset(torch.load("x_test.pt"), torch.load("y_test.pt"))
    fit(torchvision.models.resnet18(num_classes=10), DataLoader(data, batch_size=128, shuffle=True), DataLoader(held_out, batch_size=256), "cuda")


if __name__ == "__main__":
    main()
