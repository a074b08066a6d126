/**
 * The conformance suite for `Backend`: whoever passes it can keep Celery's results.
 *
 * It is steered by the backend's `features` and needs a real store behind `create`.
 */
import { describe, test } from 'node:test'
import { exerciseBackendChords } from './backend-chords.ts'
import { exerciseBackendResults } from './backend-results.ts'
import type { BackendSubject, BackendTest } from './backend-session.ts'
import { BackendSession } from './backend-session.ts'
import { exerciseBackendWatch } from './backend-watch.ts'

const TIME_LIMIT_MS = 240_000

/** Declares the tests that every backend has to pass. Call it at the top of a test file. */
export function exerciseBackend(subject: BackendSubject): void {
  const check: BackendTest = (title, body) => {
    test(title, { timeout: TIME_LIMIT_MS }, async (t) => {
      const session = new BackendSession(t, subject)
      t.after(() => session.end())
      await body(session)
    })
  }
  describe(`backend ${subject.name}`, () => {
    exerciseBackendResults(subject, check)
    exerciseBackendChords(subject, check)
    exerciseBackendWatch(subject, check)
  })
}
