#!/bin/sh
# A job without an info file: the script says itself what it needs, in
# directives at its head. #QM takes the keys of an info file; #SBATCH lines (and
# #PBS lines) of a script that was written for a cluster are understood too, and
# so are the variables that it reads. Here it counts the words of a text, the
# most frequent first. It needs /bin/sh: Linux and macOS only.
#
#QM info : counts words, described by directives
#SBATCH --cpus-per-task=2
#SBATCH --mem=500M
#SBATCH --time=5
set -eu

echo "Started at $(date +%H:%M:%S), processors: ${SLURM_CPUS_PER_TASK:-${NB_PROC:-1}}."
tr -cs '[:alpha:]' '\n' < text.txt | tr '[:upper:]' '[:lower:]' | sort | uniq -c | sort -k1,1nr -k2 > words.txt
echo "Wrote words.txt: $(wc -l < words.txt | tr -d ' ') different words."
