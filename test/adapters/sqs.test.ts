import { after } from 'node:test'
import { sqsTransport } from '../../src/messaging/transports/sqs/transport.ts'
import { exerciseTransport } from '../../src/testing/conformance/transport.ts'
import { startAws } from '../support/servers/aws.ts'

const aws = await startAws(after)

exerciseTransport({
  name: 'sqs',
  features: sqsTransport.features,
  keepsOrder: false,
  manyMessages: 1000,
  largestBody: 500 * 1024,
  connect: () =>
    sqsTransport.connect({
      url: aws.sqsUrl,
      // A poll that is under way is waited for when its queue is left: it must not take long.
      transportOptions: { wait_time_seconds: 0, polling_interval: '50ms', queue_name_prefix: 'conformance-' },
      connectTimeout: undefined,
      heartbeat: 0,
      ssl: false,
      clientName: 'conformance',
    }),
})
