/**
 * The conformance suite for `Transport`: whoever passes it can carry Celery.
 *
 * It is steered by the transport's `features` and needs a real broker behind `connect`.
 */
import { describe, test } from 'node:test'
import { exerciseTransportConsuming } from './transport-consuming.ts'
import { exerciseTransportEndings } from './transport-endings.ts'
import { exerciseTransportMessages } from './transport-messages.ts'
import { exerciseTransportQueues } from './transport-queues.ts'
import { exerciseTransportRouting } from './transport-routing.ts'
import type { TransportSubject, TransportTest } from './transport-session.ts'
import { Session } from './transport-session.ts'

const TIME_LIMIT_MS = 240_000

/** Declares the tests that every transport has to pass. Call it at the top of a test file. */
export function exerciseTransport(subject: TransportSubject): void {
  const check: TransportTest = (title, body) => {
    test(title, { timeout: TIME_LIMIT_MS }, async (t) => {
      const session = new Session(t, subject)
      t.after(() => session.end())
      await body(session, t)
    })
  }
  describe(`transport ${subject.name}`, () => {
    exerciseTransportQueues(subject, check)
    exerciseTransportRouting(subject, check)
    exerciseTransportMessages(subject, check)
    exerciseTransportConsuming(subject, check)
    exerciseTransportEndings(subject, check)
  })
}
