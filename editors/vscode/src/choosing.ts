/** What is decided without the editor: which program to start, and what to tell it. */

import * as path from "node:path";

export interface Settings {
  enable: boolean;
  path: string;
  python: string;
  stage: string;
  lint: string;
}

export const VERIFY = "nnlint.verify";
export const FIX_ALL = "nnlint.fixAll";

/**
 * The `nnlint` to start: as it is set, that of an environment in a folder, else the one on the path.
 *
 * @param trusted whether what lies in the folders may be started.
 */
export function program(
  settings: Pick<Settings, "path">,
  folders: readonly string[],
  exists: (file: string) => boolean,
  trusted: boolean,
  platform: NodeJS.Platform = process.platform,
): string {
  const set = settings.path.trim();
  if (set) {
    return set.replace(/^\$\{workspaceFolder\}/, folders[0] ?? "");
  }
  const [below, name] = platform === "win32" ? ["Scripts", "nnlint.exe"] : ["bin", "nnlint"];
  for (const folder of trusted ? folders : []) {
    for (const environment of [".venv", "venv"]) {
      const file = path.join(folder, environment, below, name);
      if (exists(file)) {
        return file;
      }
    }
  }
  return name;
}

/** What the server is told of the settings. */
export function told(settings: Settings): Record<string, unknown> {
  return {
    enable: settings.enable,
    stage: settings.stage || null,
    python: settings.python || null,
    lint: settings.lint,
  };
}

/** What to say when the server cannot be started. */
export function cannotStart(program: string, reason: string): string {
  const how = "install it with `pip install nnlint[server]`, or set nnlint.path";
  return `nnlint: ${program} cannot be started (${reason}): ${how}`;
}

/** The commands that verify a finding, among the actions that are offered at a place. */
export function verifications<Action extends { title: string; command?: unknown }>(
  actions: readonly Action[],
): { title: string; arguments: unknown[] }[] {
  const found = [];
  for (const action of actions) {
    // an action is a command, or has one
    const command = (typeof action.command === "object" ? action.command : action) as {
      command?: unknown;
      arguments?: unknown[];
    };
    if (command.command === VERIFY) {
      found.push({ title: action.title, arguments: command.arguments ?? [] });
    }
  }
  return found;
}
