"""The ports on AWS: DynamoDB, S3, Step Functions. Nothing else of Filmgate knows AWS."""
