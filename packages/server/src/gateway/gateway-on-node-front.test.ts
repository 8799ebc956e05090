import { describeGateway } from './conformance.ts'
import { NodeFront } from './front/node-front.ts'
import { openGateway } from './gateway.ts'

describeGateway("the gateway on Node's server", (options) =>
  openGateway({ ...options, openFront: (rooms) => new NodeFront(rooms) }),
)
