"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");

const root = path.join(__dirname, "..");
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const source = fs.readFileSync(path.join(root, "src", "extension.ts"), "utf8");

test("every command is registered, and none twice by the client", () => {
  const commands = manifest.contributes.commands.map((one) => one.command);
  for (const command of commands) {
    assert.ok(source.includes(`registerCommand("${command}"`), command);
  }
  // those of the server are registered by the language client
  assert.ok(!commands.includes("nnlint.verify") && !commands.includes("nnlint.fixAll"));
});

test("every setting is read", () => {
  for (const setting of Object.keys(manifest.contributes.configuration.properties)) {
    assert.ok(source.includes(`section.get("${setting.replace("nnlint.", "")}"`), setting);
  }
});

test("the lock file names no registry", () => {
  const lock = fs.readFileSync(path.join(root, "package-lock.json"), "utf8");
  const resolved = [...lock.matchAll(/"resolved": "([^"]*)"/g)].map((match) => match[1]);
  assert.deepEqual(resolved.filter((url) => !url.startsWith("https://registry.npmjs.org/")), []);
});
