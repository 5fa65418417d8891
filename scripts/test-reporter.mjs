/** Tells scripts/test.mjs which spec files are running, so that its watchdog can name the one that hangs. */
export default class RunningFilesReporter {
  onTestFileStart({ path }) {
    process.send?.({ started: path });
  }

  onTestFileResult({ path }) {
    process.send?.({ ended: path });
  }
}
