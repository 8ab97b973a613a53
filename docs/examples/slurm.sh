#!/bin/bash
# A run on three nodes: the learner on the first, a worker on each of the others. Submitted as
#   sbatch docs/examples/slurm.sh configs/quickstart.toml runs/shared [PORT]
# from a folder that all nodes share, with the keys in it:
#   retort keys learner.keys > learner.pub; retort keys worker.keys > workers.pub
# The same command goes on with a run that was ended. The job's exit status is the learner's.
#SBATCH --job-name=retort
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
set -u
config=$1 run=$2 port=${3:-5555}
workers=$((SLURM_JOB_NUM_NODES - 1))
RETORT_RUN_TOKEN=$(head -c16 /dev/urandom | od -An -tx1 | tr -d ' \n')
export RETORT_RUN_TOKEN
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
srun --nodes=1 --ntasks=1 -w "$head" retort learn "$config" --run "$run" --resume \
  --listen "tcp://0.0.0.0:$port" --keys learner.keys --worker-keys workers.pub &
learner=$!
# --most-samples: a worker's share of a step's samples.
srun --nodes=$workers --ntasks=$workers -x "$head" retort rollout "$config" \
  --connect "tcp://$head:$port" --keys worker.keys --learner-key learner.pub --most-samples 128 &
rollout=$!
if wait $learner; then
  wait $rollout # the workers hear that the run is over
else
  status=$?
  kill $rollout # they would look for the learner for --patience-s
  wait $rollout
  exit $status
fi
