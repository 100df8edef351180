#!/bin/bash
#OAR -n shoal
#OAR -l nodes=4,walltime=1:00:00
# One plan, one segment a reserved node (Grid'5000):
#
#   oarsub -S "./segments.sh plan.json"
set -euo pipefail
plan=${1:?the plan file}
mapfile -t nodes < <(sort -u "${OAR_NODEFILE:?}")
run_id=$(openssl rand -hex 16)
start_at=$(date -u +%FT%TZ -d '+1 min')
folder=$PWD/runs-${OAR_JOB_ID:?}
mkdir -p "$folder"
pids=()
for i in "${!nodes[@]}"; do
  segment=$((i + 1))
  oarsh "${nodes[$i]}" shoal run "$PWD/$plan" --segment "$segment/${#nodes[@]}" \
    --start-at "$start_at" --run-id "$run_id" --out "$folder/segment-$segment" \
    --state-dir "/tmp/shoal-$OAR_JOB_ID" &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do
  wait "$pid" || status=$?
done
shoal merge "$folder"/segment-* --out "$folder/all"
exit "$status"
