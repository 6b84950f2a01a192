"use strict";

// Composes what serverless.yml needs for every function from the folders under functions/: a folder
// with a function.yml is a function. Adding one takes that folder and nothing else.

const fs = require("fs");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..", "functions");

/** Folders of the functions, such as `dead_letters`, in the order of their names. */
function folders() {
  const there = fs.readdirSync(ROOT);
  return there.filter((name) => fs.existsSync(path.join(ROOT, name, "function.yml"))).sort();
}

/** The name on AWS behind the stage's: `dead-letters`. */
const dashed = (folder) => folder.replaceAll("_", "-");

/** How the packager starts the logical names of what belongs to the function: `DeadLetters`. */
const logical = (folder) =>
  folder.replace(/(^|_)([a-z])/g, (_, start, letter) => letter.toUpperCase());

/** The key under `functions:`: `deadLetters`. */
const key = (folder) => logical(folder).replace(/^./, (letter) => letter.toLowerCase());

/** One entry for each folder. */
const each = (entry) => Object.fromEntries(folders().map(entry));

/** The content of `functions:`: each function.yml with what follows from the folder's name. */
module.exports.functions = async ({ resolveVariable }) => {
  const found = {};
  const tracing = await resolveVariable("param:tracing-layer");
  for (const folder of folders()) {
    const given = await resolveVariable(`file(functions/${folder}/function.yml)`);
    // The local AWS reads this one; AWS has no use for it.
    const { turn, reservedConcurrency, ...own } = given;
    found[key(folder)] = {
      name: `\${self:custom.name}-${dashed(folder)}`,
      handler: `functions/${folder}/handler.handler`,
      role: `${logical(folder)}Role`,
      package: { patterns: [`functions/${folder}/**/*.py`] },
      ...own,
      environment: { POWERTOOLS_SERVICE_NAME: dashed(folder), ...own.environment },
    };
    if (tracing) {
      found[key(folder)].layers = [...own.layers, tracing];
      Object.assign(found[key(folder)].environment, {
        AWS_LAMBDA_EXEC_WRAPPER: "/opt/otel-instrument",
        OTEL_TRACES_EXPORTER: "otlp",
      });
    }
    // A parameter is text; without one nothing is reserved.
    if (reservedConcurrency !== undefined && reservedConcurrency !== "") {
      found[key(folder)].reservedConcurrency = Number(reservedConcurrency);
    }
  }
  return found;
};

/** Roles with the statements of each role.yml, and the right to write the function's own log. */
module.exports.roles = async ({ resolveVariable }) => {
  const traced = (await resolveVariable("param:tracing")) === "true";
  return { Resources: each((folder) => [`${logical(folder)}Role`, role(folder, traced)]) };
};

function role(folder, traced) {
  const logs = {
    Effect: "Allow",
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Resource: { "Fn::Sub": `\${${logical(folder)}LogGroup.Arn}` },
  };
  // X-Ray has no resources to name.
  const xray = {
    Effect: "Allow",
    Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    Resource: "*",
  };
  const policy = (name, statements) => ({
    PolicyName: name,
    PolicyDocument: { Version: "2012-10-17", Statement: statements },
  });
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      },
      Policies: [
        policy("logs", traced ? [logs, xray] : [logs]),
        policy(dashed(folder), `\${file(functions/${folder}/role.yml)}`),
      ],
    },
  };
}

/** An alarm on the errors of each function. */
module.exports.alarms = () => ({
  Resources: each((folder) => [
    `${logical(folder)}ErrorsAlarm`,
    {
      Type: "AWS::CloudWatch::Alarm",
      Properties: {
        AlarmName: `\${self:custom.name}-${dashed(folder)}-errors`,
        AlarmDescription: `The function ended in errors. Look at them with: filmgate logs ${dashed(folder)} --level error`,
        Namespace: "AWS/Lambda",
        MetricName: "Errors",
        Dimensions: [{ Name: "FunctionName", Value: { Ref: `${logical(folder)}LambdaFunction` } }],
        Statistic: "Sum",
        Period: 300,
        EvaluationPeriods: 1,
        Threshold: 0,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
        AlarmActions: [{ Ref: "AlarmTopic" }],
      },
    },
  ]),
});

/** Rows of a widget of the dashboard, one for each function; for the inside of an Fn::Sub. */
const rows = (metric) => () =>
  folders()
    .map((folder) => ["AWS/Lambda", metric, "FunctionName", `$\{${logical(folder)}LambdaFunction}`])
    .map((row) => JSON.stringify(row))
    .join(", ");
module.exports.durations = rows("Duration");
module.exports.errors = rows("Errors");
module.exports.throttles = rows("Throttles");

/** The functions' names for the operator's tools, with commas between. */
module.exports.outputs = () => ({
  Outputs: { FunctionNames: { Value: folders().map(dashed).join(",") } },
});
