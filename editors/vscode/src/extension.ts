/** The extension: it starts `nnlint server`, and offers its commands. */

import * as fs from "node:fs";
import * as vscode from "vscode";
import { LanguageClient, type LanguageClientOptions } from "vscode-languageclient/node";
import { cannotStart, FIX_ALL, program, type Settings, told, VERIFY, verifications } from "./choosing";

let client: LanguageClient | undefined;

function settings(): Settings {
  const section = vscode.workspace.getConfiguration("nnlint");
  return {
    enable: section.get("enable", true),
    path: section.get("path", ""),
    python: section.get("python", ""),
    stage: section.get("stage", ""),
    lint: section.get("lint", "open"),
  };
}

async function start(): Promise<void> {
  const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const command = program(settings(), folders, fs.existsSync, vscode.workspace.isTrusted);
  const options: LanguageClientOptions = {
    documentSelector: [{ language: "python" }],
    initializationOptions: told(settings()),
    synchronize: {
      fileEvents: vscode.workspace.createFileSystemWatcher(
        "**/{*.py,*.ipynb,pyproject.toml,nnlint.toml,.gitignore}",
      ),
    },
    middleware: {
      workspace: {
        // the server asks for its section, which is to be what it knows
        configuration: (parameters) =>
          parameters.items.map((item) => (item.section === "nnlint" ? told(settings()) : null)),
      },
    },
  };
  client = new LanguageClient("nnlint", "nnlint", { command, args: ["server"] }, options);
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(cannotStart(command, reason));
  }
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose();
}

async function fixFile(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (client !== undefined && document !== undefined) {
    await vscode.commands.executeCommand(FIX_ALL, document.uri.toString());
  }
}

async function verifyFinding(): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (client === undefined || editor === undefined) {
    return;
  }
  const actions = await vscode.commands.executeCommand<(vscode.CodeAction | vscode.Command)[]>(
    "vscode.executeCodeActionProvider",
    editor.document.uri,
    editor.selection,
  );
  const offered = verifications(actions ?? []);
  const chosen =
    offered.length > 1
      ? (await vscode.window.showQuickPick(offered.map((one) => ({ label: one.title, one }))))?.one
      : offered[0];
  if (offered.length === 0) {
    void vscode.window.showInformationMessage("nnlint: nothing at the cursor can be verified");
  }
  if (chosen !== undefined && (await editor.document.save())) {
    await vscode.commands.executeCommand(VERIFY, ...chosen.arguments);
  }
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    vscode.commands.registerCommand("nnlint.fixFile", fixFile),
    vscode.commands.registerCommand("nnlint.verifyFinding", verifyFinding),
    vscode.commands.registerCommand("nnlint.restart", async () => {
      await stop();
      await start();
    }),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("nnlint.path")) {
        await stop();
        await start();
      } else if (event.affectsConfiguration("nnlint")) {
        await client?.sendNotification("workspace/didChangeConfiguration", {
          settings: { nnlint: told(settings()) },
        });
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await stop();
}
