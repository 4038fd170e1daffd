"""Data sets, declared in a study file and loaded only when a trial needs them.

``digits()``, ``mnist()``, ``fashion_mnist()``, ``cifar10()``, ``cifar100()``, ``images(folder)``
and ``arrays(inputs, targets, name)`` are declarations: frozen, comparable, and free of pixels.
``declaration.splits(seed)`` gives the tensors. Importing this package imports neither torch nor
torchvision nor scikit-learn.
"""

from harness.data.declared import Declared
from harness.data.embedded import Digits
from harness.data.folders import Images
from harness.data.own import Arrays, arrays
from harness.data.splits import Part, Splits
from harness.data.vision import CIFAR10, CIFAR100, MNIST, FashionMNIST

# A declaration is made by calling its class; in a study file it reads as a verb does.
digits = Digits
mnist = MNIST
fashion_mnist = FashionMNIST
cifar10 = CIFAR10
cifar100 = CIFAR100
images = Images

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "Arrays",
    "Declared",
    "Digits",
    "FashionMNIST",
    "Images",
    "Part",
    "Splits",
    "arrays",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "images",
    "mnist",
]
