"""What a training command says at its end."""

from export.evaluation import Evaluation


def summary(evaluation: Evaluation) -> str:
    """One line."""
    return (
        f"AUROC {evaluation.auroc:.4f} on {evaluation.n} held-out documents, "
        f"{evaluation.mean_unseen_auroc:.4f} on unseen domains; "
        f"calibration error {evaluation.expected_calibration_error:.4f}; "
        f"threshold {evaluation.threshold} flags {evaluation.fpr_at_threshold:.2%} of human texts"
    )
