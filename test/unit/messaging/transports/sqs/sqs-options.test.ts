import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImproperlyConfigured } from '../../../../../src/errors.ts'
import { sqsQueueName } from '../../../../../src/messaging/transports/sqs/queue-name.ts'
import type { SqsOptions } from '../../../../../src/messaging/transports/sqs/sqs-options.ts'
import { sqsOptions } from '../../../../../src/messaging/transports/sqs/sqs-options.ts'

function options(url: string, transportOptions: Readonly<Record<string, unknown>> = {}): SqsOptions {
  return sqsOptions({
    url,
    transportOptions,
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  })
}

test('names of queues become what SQS takes [5-118]', () => {
  const names = ['celery', 'a.b.c', 'a-b_c', 'a:b/c@d', 'worker@host.celery.pidbox', 'a.b.fifo', 'a.fifo.b']
  assert.deepEqual(names.map(sqsQueueName), [
    'celery',
    'a-b-c',
    'a-b_c',
    'a_b_c_d',
    'worker_host-celery-pidbox',
    'a-b.fifo',
    'a-fifo-b',
  ])
})

test("kombu's defaults [1-281] [1-282] [1-283] [1-284] [1-294]", () => {
  const found = options('sqs://')
  assert.equal(found.visibilityTimeout, 1_800_000)
  assert.equal(found.waitTime, 10_000)
  assert.equal(found.pollingInterval, 1000)
  assert.equal(found.queueNamePrefix, '')
  assert.equal(found.base64, true)
  assert.equal(found.endpoint, undefined)
  assert.deepEqual(found.account, { region: undefined, credentials: undefined })
})

test("the URL names the keys and a server of one's own [1-285] [1-286]", () => {
  const keys = options('sqs://AKIA:a%2Fb%40c@', { region: 'eu-west-1' })
  assert.deepEqual(keys.account, {
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIA', secretAccessKey: 'a/b@c' },
  })
  assert.equal(keys.endpoint, undefined)
  assert.equal(options('sqs://a:b@localhost:4566').endpoint, 'http://localhost:4566')
  assert.equal(options('sqs://a:b@sqs.test', { is_secure: true, port: 443 }).endpoint, 'https://sqs.test:443')
})

test('the client and the role [1-292] [1-293]', () => {
  const found = options('sqs://', {
    'client-config': { connect_timeout: 5, read_timeout: '1m', retries: { max_attempts: 7 } },
    sts_role_arn: 'arn:aws:iam::1:role/x',
    sts_token_buffer_time: 60,
  })
  assert.deepEqual(found.http, {
    connectTimeout: 5000,
    readTimeout: 60_000,
    maxAttempts: 7,
    maxConnections: 50,
  })
  assert.deepEqual(found.role, { arn: 'arn:aws:iam::1:role/x', lifetime: 900_000, buffer: 60_000 })
})

test('what is fetched beside messages [1-295]', () => {
  const fetched = (value: unknown): unknown => {
    const found = options('sqs://', { fetch_message_attributes: value })
    return [found.systemAttributes, found.messageAttributes]
  }
  const needed = ['ApproximateReceiveCount', 'SentTimestamp']
  assert.deepEqual(fetched(null), [needed, []])
  assert.deepEqual(fetched(['all']), [['All'], []])
  assert.deepEqual(fetched(['SenderId']), [['SenderId', ...needed], []])
  assert.deepEqual(fetched({ MessageAttributeNames: ['a', 'b'] }), [needed, ['a', 'b']])
})

test('what cannot work is refused with its name', () => {
  const refused: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ['sqs://', { visibility_timout: 1 }, /no option "visibility_timout".*visibility_timeout/],
    ['sqs://', { visibility_timeout: '13h' }, /visibility_timeout must be 43200 seconds at most/],
    ['sqs://', { wait_time_seconds: 30 }, /wait_time_seconds must be 20 seconds at most/],
    ['sqs://', { supports_fanout: true }, /supports_fanout/],
    ['sqs://', { fetch_message_attributes: ['Sender'] }, /no system attribute "Sender"/],
    ['sqs://', { 'client-config': { timeout: 1 } }, /client-config: there is no option "timeout"/],
    ['sqs://', { predefined_queues: { a: {} } }, /predefined_queues: a must have a url/],
    ['sqs://', { predefined_queues: { a: { url: 'http://x/1/a.fifo' } } }, /FIFO/],
    ['sqs://key@', {}, /access key and its secret/],
  ]
  for (const [url, transportOptions, expected] of refused) {
    assert.throws(
      () => options(url, transportOptions),
      (error) => error instanceof ImproperlyConfigured && expected.test(error.message),
      String(expected),
    )
  }
})
