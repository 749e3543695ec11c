from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from tfaip.params.generics import bind_fields, type_argument


class Animal:
    pass


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


class Food:
    pass


class Bone(Food):
    pass


TAnimal = TypeVar("TAnimal", bound=Animal)
TFood = TypeVar("TFood", bound=Food)
TDog = TypeVar("TDog", bound=Dog)


class Home(Generic[TAnimal, TFood]):
    pass


class DogHome(Home[Dog, Bone]):
    pass


class Plain(DogHome):
    pass


class Partly(Home[TDog, Bone]):
    pass


class Whole(Partly[Puppy]):
    pass


def test_a_bound_class_is_found_and_inherited():
    assert type_argument(DogHome, TAnimal) is Dog
    assert type_argument(Plain, TFood) is Bone


def test_an_unbound_parameter_gives_its_bound():
    assert type_argument(Home, TAnimal) is Animal


def test_a_renamed_parameter_is_followed():
    assert type_argument(Partly, TAnimal) is Dog
    assert type_argument(Whole, TAnimal) is Puppy
    assert type_argument(Whole, TFood) is Bone


def test_arguments_in_another_order_go_where_they_fit():
    class Swapped(Home[Bone, Dog]):  # type: ignore[type-var]
        pass

    assert type_argument(Swapped, TAnimal) is Dog
    assert type_argument(Swapped, TFood) is Bone


@dataclass
class Params(Generic[TAnimal]):
    animal: TAnimal = field(default_factory=Animal, metadata={"help": "x"})  # type: ignore[assignment]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        bind_fields(cls, {"animal": TAnimal})


@dataclass
class DogParams(Params[Dog]):
    pass


@dataclass
class OwnParams(Params[Dog]):
    animal: Puppy = field(default_factory=Puppy)  # type: ignore[assignment]


def test_a_field_takes_the_bound_class_and_keeps_its_metadata():
    (animal,) = fields(DogParams)

    assert type(DogParams().animal) is Dog
    assert animal.type is Dog
    assert animal.metadata == {"help": "x"}


def test_the_field_of_the_parent_stays():
    assert type(Params().animal) is Animal
    assert fields(Params)[0].type is TAnimal


def test_a_field_that_is_declared_again_is_left_alone():
    assert type(OwnParams().animal) is Puppy
