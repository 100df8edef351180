#!/bin/bash
#SBATCH --job-name=shoal
#SBATCH --array=1-4
#SBATCH --cpus-per-task=4
#SBATCH --time=01:00:00
# One plan, one segment an array task:
#
#   sbatch --export=ALL,PLAN=plan.json,RUN_ID=$(openssl rand -hex 16),START_AT=$(date -u +%FT%TZ -d '+3 min') segments.sh
#
# When all tasks have ended: shoal merge runs-$SLURM_ARRAY_JOB_ID/segment-* --out runs-$SLURM_ARRAY_JOB_ID/all
set -euo pipefail
: "${PLAN:?the plan file}" "${RUN_ID:?32 hex digits, the same for all tasks}" "${START_AT:?UTC time}"
folder=runs-${SLURM_ARRAY_JOB_ID:?}
segment=${SLURM_ARRAY_TASK_ID:?}
mkdir -p "$folder"
# Results may lie on a network file system; client state may not.
exec shoal run "$PLAN" --segment "$segment/${SLURM_ARRAY_TASK_COUNT:?}" --start-at "$START_AT" \
  --run-id "$RUN_ID" --out "$folder/segment-$segment" --state-dir "${TMPDIR:-/tmp}/shoal-$SLURM_JOB_ID"
