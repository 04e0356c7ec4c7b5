/** The oldest Node that runs Banyan, as `engines` of every package says. */
const [neededMajor, neededMinor] = [22, 18];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  process.stderr.write(
    `Banyan needs Node.js ${neededMajor}.${neededMinor} or newer; this is ${process.versions.node}. Get one from https://nodejs.org.\n`,
  );
  process.exit(1);
}
