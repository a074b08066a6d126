import fc from 'fast-check'

/**
 * Lets fast-check draw the same values in every run of a test file: what fails, fails for whoever changed something, and
 * not one day for somebody else. `CELERIAC_TEST_SEED` names other values to look for faults with.
 */
export function sameEveryRun(): void {
  fc.configureGlobal({ seed: Number(process.env['CELERIAC_TEST_SEED'] ?? 20_261_122) })
}
