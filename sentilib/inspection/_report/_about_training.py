"""Sections of the checks, and of the evaluated reviews against the training reviews."""

from typing import TYPE_CHECKING, Any

from sentilib._pages._svg import inline_svg, page_figures

if TYPE_CHECKING:
    from pandas import DataFrame


def checks_section(table: "DataFrame") -> dict[str, Any]:
    """Return the checks as rows, the warnings first, and their thresholds."""
    rows = table.reset_index().to_dict(orient="records")
    counts = table["verdict"].value_counts()
    n_made = len(table) - int(counts.get("not checked", 0))
    n_warnings = int(counts.get("warning", 0))
    order = ["warning", "ok", "not checked"]
    return {
        "summary": f"{n_warnings} of {n_made} checks warn. Codes are those of inspection.checks, "
        "which returns this table.",
        "rows": sorted(rows, key=lambda row: order.index(row["verdict"])),
        "thresholds": [(row["code"], row["threshold"]) for row in rows],
    }


def shift_section(shift: Any) -> dict[str, Any]:
    """Return the facts of a DataShift, its figures and the outliers."""
    length, unknown = (shift.features.loc[name] for name in ("length", "unknown_share"))
    facts = [
        ("Compared", f"{shift.n_new:,} of these reviews, {shift.n_train:,} training reviews"),
        (
            "AUC of a classifier that tells them apart (0.5: it cannot)",
            f"{shift.auc:.3f} [{shift.auc_low:.3f}, {shift.auc_high:.3f}]",
        ),
        ("Mean length in words", f"{length['new']:.1f}, in training {length['train']:.1f}"),
        (
            "Words that are in no other training review",
            f"{unknown['new']:.2%}, in training {unknown['train']:.2%}",
        ),
        ("Farther from the training reviews than 99 % of these", f"{shift.share_far:.1%}"),
        ("Most frequent words of no training review", ", ".join(shift.unknown_words.index[:12])),
    ]
    return {
        "facts": [(name, text) for name, text in facts if text],
        "figures": shift_figures(shift),
        "outliers": shift.outliers.to_dict(orient="records"),
    }


def shift_figures(shift: Any) -> list[dict[str, str]]:
    """Draw the plots of a DataShift."""
    figures = []
    with page_figures("report") as axes:
        shift.plot(ax=[axes() for _ in range(len(shift.values) + 1)])
        for k, ax in enumerate(shift.ax_):
            title = "Telling words" if k == len(shift.values) else ax.get_xlabel()
            spoken = f"{title}, new reviews against training reviews"
            svg = inline_svg(ax.figure, f"shift-{k}", spoken)
            figures.append({"title": title, "note": "", "svg": svg})
    return figures
