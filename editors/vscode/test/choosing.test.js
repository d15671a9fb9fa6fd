"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { test } = require("node:test");
const { cannotStart, program, told, verifications } = require("../out/choosing.js");

const nothing = { path: "" };

test("the program that is set comes first", () => {
  assert.equal(program({ path: " /opt/nnlint " }, ["/a"], () => true, true, "linux"), "/opt/nnlint");
  const below = { path: "${workspaceFolder}/env/bin/nnlint" };
  assert.equal(program(below, ["/a"], () => false, true, "linux"), "/a/env/bin/nnlint");
});

test("then that of an environment of a folder, if the folder is trusted", () => {
  const there = path.join("/b", "venv", "bin", "nnlint");
  const exists = (file) => file === there;
  assert.equal(program(nothing, ["/a", "/b"], exists, true, "linux"), there);
  assert.equal(program(nothing, ["/a", "/b"], exists, false, "linux"), "nnlint");
  assert.equal(program(nothing, [], exists, true, "win32"), "nnlint.exe");
});

test("the server is told what it knows", () => {
  const settings = { enable: true, path: "x", python: "", stage: "tune", lint: "open" };
  assert.deepEqual(told(settings), { enable: true, stage: "tune", python: null, lint: "open" });
});

test("commands that verify are found among the actions", () => {
  const bare = { title: "Verify a", command: "nnlint.verify", arguments: [1] };
  const held = { title: "Verify b", command: { command: "nnlint.verify", arguments: [2] } };
  const other = { title: "Ignore", command: undefined };
  assert.deepEqual(verifications([bare, other, held]), [
    { title: "Verify a", arguments: [1] },
    { title: "Verify b", arguments: [2] },
  ]);
});

test("what cannot be started is told in one sentence", () => {
  assert.match(cannotStart("nnlint", "ENOENT"), /^nnlint: nnlint cannot be started \(ENOENT\): /);
});
