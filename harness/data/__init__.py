"""Data sets, declared in a study file and loaded only when a trial needs them.

``digits()``, ``mnist()``, ``fashion_mnist()``, ``cifar10()``, ``cifar100()``, ``images(folder)``,
``arrays(inputs, targets, name)`` and ``from_dataset(dataset, name)`` are declarations: frozen,
comparable, and free of pixels. ``declaration.splits(seed)`` gives the tensors. Importing this
package imports neither torch nor torchvision nor scikit-learn.

In reading order: :mod:`~harness.data.declared`, what every data set has;
:mod:`~harness.data.embedded`, :mod:`~harness.data.vision`, :mod:`~harness.data.own`,
:mod:`~harness.data.datasets` and :mod:`~harness.data.folders`, the kinds there are;
:mod:`~harness.data.given`, :mod:`~harness.data.padded`, :mod:`~harness.data.intake` and
:mod:`~harness.data.narrow`, arrays as they come; :mod:`~harness.data.targets` and
:mod:`~harness.data.quantities`, what is to be told of them; :mod:`~harness.data.scaling`, what is
done to inputs; :mod:`~harness.data.names`, :mod:`~harness.data.layout`,
:mod:`~harness.data.pictures`, :mod:`~harness.data.survey` and :mod:`~harness.data.folder`, files;
:mod:`~harness.data.sizes`, :mod:`~harness.data.draw`, :mod:`~harness.data.stratified` and
:mod:`~harness.data.splits`, which example goes where; :mod:`~harness.data.facts`, what `plan`
says of it; :mod:`~harness.data.shared`, one copy for all processes.
"""

from harness.data.datasets import from_dataset
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
    "from_dataset",
    "images",
    "mnist",
]
