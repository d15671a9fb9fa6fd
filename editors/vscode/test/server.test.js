"use strict";

// `nnlint server` as the language client talks to it, over the same JSON-RPC library

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { pathToFileURL } = require("node:url");
const rpc = require("vscode-jsonrpc/node");

const LOSSES = `import torch
from torch import nn


def train(model: nn.Module, loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(torch.softmax(model(images), dim=1), labels)
        loss.backward()
        optimizer.step()
`;

test("a file that is open gets diagnostics, actions and an end", { timeout: 120000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nnlint-"));
  const uri = pathToFileURL(path.join(folder, "losses.py")).href;
  const [program, ...given] = (process.env.NNLINT ?? "nnlint").split(" ");
  const server = spawn(program, [...given, "server"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => server.on("exit", resolve));
  const connection = rpc.createMessageConnection(
    new rpc.StreamMessageReader(server.stdout),
    new rpc.StreamMessageWriter(server.stdin),
  );
  const shown = new Promise((resolve) => {
    connection.onNotification("textDocument/publishDiagnostics", (parameters) => {
      if (parameters.diagnostics.length > 0) {
        resolve(parameters.diagnostics);
      }
    });
  });
  connection.listen();
  const { capabilities } = await connection.sendRequest("initialize", {
    processId: process.pid,
    rootUri: pathToFileURL(folder).href,
    capabilities: {},
    initializationOptions: { enable: true, stage: null, python: null, lint: "open" },
  });
  assert.deepEqual(capabilities.executeCommandProvider.commands.sort(), [
    "nnlint.fixAll",
    "nnlint.verify",
  ]);
  await connection.sendNotification("initialized", {});
  const textDocument = { uri, languageId: "python", version: 1, text: LOSSES };
  await connection.sendNotification("textDocument/didOpen", { textDocument });
  const diagnostics = await shown;
  const softmax = diagnostics.find((one) => one.code === "NN401");
  assert.equal(softmax.range.start.line, 8);
  const actions = await connection.sendRequest("textDocument/codeAction", {
    textDocument: { uri },
    range: softmax.range,
    context: { diagnostics: [softmax] },
  });
  assert.ok(actions.some((action) => action.title.startsWith("Ignore")));
  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  assert.equal(await ended, 0);
  connection.dispose();
  fs.rmSync(folder, { recursive: true });
});
