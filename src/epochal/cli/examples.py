"""The examples under each command's help."""

PLAN = """\b
Examples:
  epochal plan digits
  epochal plan customers.csv --target churned --groups customer_id
  epochal plan images.npz --model my_model.py:build --budget "5 min"
  epochal plan sales.parquet --target amount --time day --goal best
  epochal plan customers.csv --target churned --batch-size 64 --epochs 20
  epochal plan customers.csv --target churned --columns
  epochal plan --budget "5 min" photos_by_class/"""

FIT = """\b
Examples:
  epochal fit customers.csv --target churned --out churn.keras
  epochal fit customers.csv --target churned --plan plan.json --out churn.keras
  epochal fit sales.parquet --target amount --batch-size 32 --epochs 50 --learning-rate 1e-3 --out sales.keras
  epochal fit fraud.csv --target fraud --epochs 20 --batches balanced --out fraud.keras"""

PREDICT = """\b
Examples:
  epochal predict churn.keras new_customers.csv --out predictions.parquet
  epochal predict fraud.keras today.parquet --correct-prior --out fraud.csv
  epochal predict my_model.keras images.npz --batch-size 256 --out outputs.npz"""

STUDY = """\b
Examples:
  epochal study digits --batch-sizes 32,256,1024 --epochs 50
  epochal study customers.csv --target churned --metric val_auc --model my_model.py:build --folder churn_study
  epochal study sales.parquet --target amount --learning-rates 1e-4,3e-4,1e-3,3e-3 --equal epochs --seeds 16
  epochal study fraud.csv --target fraud --metric val_average_precision --folder fraud_study
  epochal study breast_cancer --protocol tutorial --folder tutorial_study"""

MEASURE = """\b
Examples:
  epochal measure digits
  epochal measure customers.csv --target churned --what memory,throughput
  epochal measure images.npz --model my_model.py:build --what noise_scale,critical_batch --price thorough
  epochal measure fraud.csv --target fraud --what rare_class --batch-size 64"""

EPOCHS = """\b
Examples:
  epochal epochs plan.json
  epochal epochs churn_study --batch-size 128"""

DIAGNOSE = """\b
Examples:
  epochal diagnose training.csv
  epochal diagnose logs/run1 --batch-size 32 --rows 1600
  epochal diagnose history.json --baseline earlier.json --out diagnosis.html
  epochal diagnose training.csv --data customers.csv --target churned --model my_model.py:build --batch-size 32"""

CHECK = """\b
Examples:
  epochal check train.py
  epochal check notebooks/ --ignore one-seed
  epochal check . --sarif findings.sarif
  epochal check --kinds"""

STREAM = """\b
Examples:
  epochal stream clicks.csv --target clicked
  tail -n +1 -f clicks.jsonl | epochal stream - --target clicked --checkpoint clicks --out clicks.keras
  epochal stream - --target clicked --batch-size 1,8,32,128 < clicks.csv
  epochal stream kafka://localhost:9092/clicks --target clicked --replay 2000"""

EVERY = PLAN + "\n".join(["", *FIT.splitlines()[2:4], *PREDICT.splitlines()[2:3],
                                            *STUDY.splitlines()[2:3], *MEASURE.splitlines()[3:4],
                                            *DIAGNOSE.splitlines()[2:3], *CHECK.splitlines()[2:3],
                                            *STREAM.splitlines()[2:3]])
