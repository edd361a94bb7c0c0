"""Datasets, samplers and loaders, under PyTorch's names."""

from dynagrad.utils.data.dataloader import DataLoader as DataLoader
from dynagrad.utils.data.dataloader import default_collate as default_collate
from dynagrad.utils.data.dataloader import default_convert as default_convert
from dynagrad.utils.data.dataloader import get_worker_info as get_worker_info
from dynagrad.utils.data.dataset import ChainDataset as ChainDataset
from dynagrad.utils.data.dataset import ConcatDataset as ConcatDataset
from dynagrad.utils.data.dataset import Dataset as Dataset
from dynagrad.utils.data.dataset import IterableDataset as IterableDataset
from dynagrad.utils.data.dataset import StackDataset as StackDataset
from dynagrad.utils.data.dataset import Subset as Subset
from dynagrad.utils.data.dataset import TensorDataset as TensorDataset
from dynagrad.utils.data.dataset import random_split as random_split
from dynagrad.utils.data.distributed import DistributedSampler as DistributedSampler
from dynagrad.utils.data.sampler import BatchSampler as BatchSampler
from dynagrad.utils.data.sampler import RandomSampler as RandomSampler
from dynagrad.utils.data.sampler import Sampler as Sampler
from dynagrad.utils.data.sampler import SequentialSampler as SequentialSampler
from dynagrad.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from dynagrad.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
