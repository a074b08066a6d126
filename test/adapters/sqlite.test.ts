import { join } from 'node:path'
import { sqliteTransport } from '../../src/messaging/transports/sqlite/transport.ts'
import { exerciseTransport } from '../../src/testing/conformance/transport.ts'
import { tempDir } from '../support/temp-dir.ts'

const url = `sqlite:///${join(tempDir(), 'broker.sqlite3')}`

exerciseTransport({
  name: 'sqlite',
  features: sqliteTransport.features,
  connect: () =>
    sqliteTransport.connect({
      url,
      transportOptions: {},
      connectTimeout: undefined,
      heartbeat: 0,
      ssl: false,
      clientName: 'conformance',
    }),
  // Without connections nobody has the file open: the next one finds what is on the disk.
  restart: async () => undefined,
})
