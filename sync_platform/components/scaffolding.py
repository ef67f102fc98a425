"""What `dg scaffold defs` does for every component: one commented YAML file that loads as it stands.

Here belong the writing and the naming; what stands in the file is each component's.
"""

import re
from typing import ClassVar

import dagster as dg

_MOST_LETTERS = 40


class YamlScaffolder(dg.Scaffolder[dg.Model]):
    """Writes a component's template into the new instance's folder.

    Attributes:
        template: the file, with `{type}` and `{name}` in it; other braces are doubled.
    """

    template: ClassVar[str]

    @classmethod
    def name_of(cls, folder: str) -> str:
        """Make the instance's name from its folder's name."""
        raise NotImplementedError

    def scaffold(self, request: dg.ScaffoldRequest[dg.Model]) -> None:
        """Write `defs.yaml` for an instance named after its folder; appended where asked.

        Raises:
            DagsterInvalidInvocationError: Python was asked for; the components are set up by YAML only.
        """
        if request.scaffold_format != "yaml":
            kind = request.type_name.rpartition(".")[2]
            raise dg.DagsterInvalidInvocationError(f"{kind} is set up by YAML: leave out `--format python`.")
        file = request.target_path if request.append else request.target_path / "defs.yaml"
        text = self.template.format(type=request.type_name, name=self.name_of(request.target_path.name))
        with file.open("a" if request.append else "w", encoding="utf-8") as out:
            out.write(f"---\n{text}" if request.append else text)


def slug(folder: str, *, otherwise: str, ending: str = "") -> str:
    """Make a name from a folder's name, without its ending: `Orders-sync` becomes `orders`."""
    word = re.sub(r"[^a-z0-9]+", "_", folder.lower().removesuffix(".yaml")).strip("_")
    return word.removesuffix(ending).lstrip("0123456789_")[:_MOST_LETTERS] or otherwise
