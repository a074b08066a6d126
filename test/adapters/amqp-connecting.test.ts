import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ConnectionError } from '../../src/errors.ts'
import type { TransportOptions } from '../../src/messaging/transport.ts'
import { amqpTransport } from '../../src/messaging/transports/amqp/transport.ts'
import { freePort } from '../support/free-port.ts'
import { findPython, needsPython, runPython } from '../support/python.ts'
import { needs, requireProgram } from '../support/require-server.ts'
import { sharedRabbitmq, startRabbitmq } from '../support/servers/rabbitmq.ts'
import { tempDir } from '../support/temp-dir.ts'
import { connect, declareQueue, openChannel, transportOptions } from './amqp-connect.ts'

const server = needs('rabbitmq-server')
const CERT = fileURLToPath(new URL('../support/tls/test-only.cert.pem', import.meta.url))
const KEY = fileURLToPath(new URL('../support/tls/test-only.key.pem', import.meta.url))

test(
  'TLS: verified against a CA, with a client certificate, or not at all [1-030 1-256 10-049]',
  withOpenssl(),
  async (t) => {
    const port = await freePort()
    await startRabbitmq(t, {
      config: [
        `listeners.ssl.1 = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${CERT}`,
        `ssl_options.certfile = ${CERT}`,
        `ssl_options.keyfile = ${KEY}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = false',
      ],
    })
    const url = `amqps://guest:guest@localhost:${port}//`
    const works = async (at: string, options: Partial<TransportOptions> = {}): Promise<void> => {
      await declareQueue(await openChannel(t, at, options), 'q')
    }
    const fails = (at: string, pattern: RegExp, options: Partial<TransportOptions> = {}): Promise<void> =>
      assert.rejects(amqpTransport.connect(transportOptions(at, options)), (error) => {
        assert.ok(error instanceof ConnectionError)
        assert.match(error.message, pattern)
        return true
      })
    await works(url, { ssl: { ca_certs: CERT } })
    const own = clientCertificate(t)
    await works(url, { ssl: { ca_certs: CERT, ...own, cert_reqs: 'CERT_REQUIRED' } })
    // The broker looks at it: one that vouches for itself is refused.
    await fails(url, /bad certificate|unknown ca/i, { ssl: { ca_certs: CERT, keyfile: KEY, certfile: CERT } })
    await works(`${url}?ssl_ca_certs=${encodeURIComponent(CERT)}`)
    await works(url.replace('amqps', 'amqp'), { ssl: { cert_reqs: 'CERT_NONE' } })
    await fails(url, /self[- ]signed certificate/)
    await fails(url, /altnames.*server_hostname.*check_hostname/, {
      ssl: { ca_certs: CERT, server_hostname: 'other.example' },
    })
    await works(url, { ssl: { ca_certs: CERT, server_hostname: 'other.example', check_hostname: false } })
  },
)

test(
  'login methods PLAIN and AMQPLAIN; others are refused with the remedy [1-026 1-218]',
  server,
  async (t) => {
    const { url } = await (await sharedRabbitmq()).newVhost(t)
    for (const login_method of ['PLAIN', 'AMQPLAIN', 'plain']) {
      await declareQueue(await openChannel(t, url, { transportOptions: { login_method } }), 'q')
    }
    const response = '\0guest\0guest'
    await declareQueue(
      await openChannel(t, url.replace('guest:guest@', 'x:y@'), {
        transportOptions: { login_response: response },
      }),
      'q',
    )
    await assert.rejects(
      amqpTransport.connect(transportOptions(url, { transportOptions: { login_method: 'GSSAPI' } })),
      /SASL mechanism GSSAPI is not provided by the server\. Change broker_login_method/,
    )
  },
)

test('the broker shows who is connected [1-254]', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { name, url } = await rabbitmq.newVhost(t)
  await connect(t, url, {
    clientName: 'celery@host',
    transportOptions: { client_properties: { team: 'shop' } },
  })
  const printed = await rabbitmq.ctl('-q', 'list_connections', 'vhost', 'client_properties')
  const [line = ''] = printed.split('\n').filter((one) => one.startsWith(name))
  assert.match(line, /"connection_name","celery@host"/)
  assert.match(line, /"product","Celeriac"/)
  assert.match(line, /"team","shop"/)
  assert.match(line, /"consumer_cancel_notify",true/)
})

test('URLs without a broker behind them fail with the reason', async () => {
  const port = await freePort()
  await assert.rejects(
    amqpTransport.connect(transportOptions(`amqp://u:secret@127.0.0.1:${port}//`)),
    (error) => {
      assert.ok(error instanceof ConnectionError && error.recoverable)
      assert.match(
        error.message,
        new RegExp(`Cannot connect to amqp://u:\\*\\*@127.0.0.1:${port}//: .*ECONNREFUSED`),
      )
      return true
    },
  )
  await assert.rejects(
    amqpTransport.connect(transportOptions('amqp://no.such.host.invalid//')),
    /ENOTFOUND|EAI_AGAIN/,
  )
})

test('headers of every type that Python writes, and back [5-003]', needsBoth(), async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { name, url } = await rabbitmq.newVhost(t)
  const channel = await openChannel(t, url)
  await declareQueue(channel, 'q')
  const python = `
import amqp, datetime, decimal, json, sys
connection = amqp.Connection('127.0.0.1:${rabbitmq.port}', userid='guest', password='guest', virtual_host='${name}')
connection.connect()
channel = connection.channel()
`
  await runPython(`${python}
channel.basic_publish(amqp.Message('x', application_headers={
  'text': 'snö', 'none': None, 'true': True, 'int': 7, 'negative': -5, 'beyond32': 1700000000000, 'below32': -1700000000000,
  'big': 2**60 + 1, 'float': 1.5, 'decimal': decimal.Decimal('1.25'), 'date': datetime.datetime(2030, 1, 2),
  'bytes': b'a\\xff', 'list': [1, 'a', None, [2]], 'table': {'deep': {'deeper': [1]}}}), routing_key='q')
connection.close()`)
  const delivery = await channel.get('q', { noAck: true })
  const headers = {
    text: 'snö',
    none: null,
    true: true,
    int: 7,
    negative: -5,
    beyond32: 1_700_000_000_000,
    below32: -1_700_000_000_000,
    big: 2n ** 60n + 1n,
    float: 1.5,
    decimal: 1.25,
    date: new Date(Date.UTC(2030, 0, 2)),
    bytes: new Uint8Array([0x61, 0xff]),
    list: [1, 'a', null, [2]],
    table: { deep: { deeper: [1] } },
  }
  assert.deepEqual(delivery?.headers, headers)

  await channel.publish(
    { body: Buffer.from('x'), properties: {}, headers },
    { exchange: '', routingKey: 'q' },
  )
  const printed = await runPython(`${python}
message = channel.basic_get('q', no_ack=True)
headers = message.headers
headers['bytes'] = list(bytes(headers['bytes']))
print(json.dumps({key: str(value) if isinstance(value, datetime.datetime) else value for key, value in headers.items()}))
connection.close()`)
  assert.deepEqual(JSON.parse(printed.replace('1152921504606846977', '"1152921504606846977"')), {
    ...headers,
    big: '1152921504606846977',
    date: '2030-01-02 00:00:00',
    bytes: [0x61, 0xff],
  })
})

function withOpenssl(): { readonly skip: string | false } {
  return needs('rabbitmq-server', 'openssl')
}

/** A certificate for a client, by the authority that the broker trusts. */
function clientCertificate(t: TestContext): { readonly keyfile: string; readonly certfile: string } {
  const dir = tempDir(t)
  const openssl = (...args: readonly string[]): void => {
    execFileSync(requireProgram('openssl'), args, { cwd: dir, stdio: 'ignore' })
  }
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'request.pem',
    '-subj',
    '/CN=client',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'request.pem',
    '-CA',
    CERT,
    '-CAkey',
    KEY,
    '-CAcreateserial',
    '-CAserial',
    'serial',
    '-out',
    'cert.pem',
  )
  return { keyfile: join(dir, 'key.pem'), certfile: join(dir, 'cert.pem') }
}

function needsBoth(): { readonly skip: string | false } {
  return server.skip ? server : findPython() === undefined ? needsPython() : { skip: false }
}
