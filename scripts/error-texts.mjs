// What each error means and what to do about it, for the person who runs the nodes. One place: scripts/errors.mjs makes
// docs/errors.md of it, and fails where the source has an error that is not here, or the other way round.

/** By where they are met: `MqttErrorCode` of src/protocol/errors.ts, what it means, what to do. */
export const ERRORS = [
  {
    title: 'The connection',
    where: 'In the status of every node of the connection, in the log, and once at Catch nodes.',
    inStatus: true,
    codes: {
      unreachable: [
        'No connection to host and port could be opened, or none within the connect timeout.',
        'Check host, port and network, and whether the broker runs; the codes below say more. It is tried again by itself.',
      ],
      'tls-failed': [
        'The encrypted connection was refused, by this side or the other: mostly the certificate. Or what listens there does not speak TLS: then the sentence says so.',
        'See the TLS codes below, and the TLS configuration of the connection.',
      ],
      'handshake-timeout': [
        'The host accepted the connection and did not answer CONNECT within the connect timeout.',
        'Check that a broker listens on this port, with or without TLS as the connection says.',
      ],
      'connection-refused': ['The broker answered CONNECT with no.', 'See its reason code below.'],
      'server-disconnected': ['The broker ended the connection and said why.', 'See its reason code below.'],
      'connection-lost': [
        'The connection ended without a word: by the network, by a broker that stopped, or by one that hangs up, which before MQTT 5 cannot say why.',
        'Nothing, if it was once: it is made again. If it repeats, read the log of the broker. Where it hangs up on CONNECT, choose protocol 3.1.1.',
      ],
      'keep-alive-timeout': [
        'The broker did not answer a PINGREQ: the connection was dead.',
        'Nothing, if it was once: it is made again. If it repeats, check the network; a shorter keep alive finds it out sooner.',
      ],
      'malformed-packet': [
        'What came is no MQTT packet.',
        'Check that a broker listens on this port. If one does, it has a defect: the log says which packet it was.',
      ],
      'not-mqtt': [
        'What answers on this port is no MQTT broker: a web server, an SSH server, or one that wants TLS. The sentence names it.',
        'Correct the port. Where the broker wants TLS, tick it; where it listens behind a web server, enter a URL with ws:// or wss://.',
      ],
      'protocol-error': [
        'The broker sent a packet that it may not send, or not now; or one could not be handled here.',
        'The log says which. It is a defect of the broker, or of these nodes: report it with that line.',
      ],
      'packet-too-large': [
        'A packet is larger than the other side takes. One of ours: its message or subscription fails alone. One of the broker, above 64 MiB: the connection ends.',
        'Send smaller messages, or raise the limit of the broker.',
      ],
      'invalid-options': [
        'A setting of the connection or of a subscription is not possible.',
        'The sentence names the setting and what it may be.',
      ],
    },
  },
  {
    title: 'A message that is sent',
    where: 'At Catch nodes, with the message, and in the log.',
    codes: {
      'invalid-topic': ['The topic is empty, too long, or has a wildcard or forbidden character.', 'Mend the topic.'],
      'invalid-message': [
        'The message has a value that cannot be sent, a payload that is not what the node is told to make of it, or an action that does not exist.',
        'The sentence names the field.',
      ],
      offline: [
        'A message at QoS 0 could not be sent, because there is no connection: QoS 0 does not wait.',
        'Use QoS 1 for what should wait, or let QoS 0 wait too: a choice of the connection.',
      ],
      'outbox-full': [
        'So many messages wait for the broker that no more are taken.',
        'Send fewer while it is away, or raise the outbox of the connection.',
      ],
      dropped: [
        'The outbox was full, and the message gave way to a newer one, as the connection is set to; or a person discarded what waited.',
        'Raise the outbox of the connection, or choose what gives way when it is full.',
      ],
      expired: [
        'The message waited for longer than its message expiry, or than the connection lets messages wait.',
        'Give it more time, or leave the limit out.',
      ],
      'not-supported': [
        'The broker said that it does not take this: a QoS, or retained messages; for a mqtt-in node, which shows it in its status, wildcards or shared subscriptions. Or it hung up on QoS 2 again and again.',
        'Do without, or change the broker.',
      ],
      'publish-rejected': ['The broker got the message and refused it.', 'See its reason code below.'],
      'message-set-aside': [
        'The broker hung up right behind this message, three times, and on nothing else: it is not sent any more.',
        'Read the log of the broker: the message may be too large, at a QoS that it has not, or to a topic that is not allowed.',
      ],
      'outcome-unknown': [
        'The message was sent at QoS 2, and nobody knows whether it arrived: the broker may have lost the session meanwhile.',
        'Ask whoever receives it. Sent again it may come twice.',
      ],
      closed: [
        'The connection was removed, or Node-RED ended, before the broker had the message.',
        'Nothing; a connection that stays keeps its messages over a deploy.',
      ],
    },
  },
  {
    title: 'A subscription',
    where: 'In the status of the mqtt-in node, at Catch nodes, and in the log.',
    inStatus: true,
    codes: {
      'invalid-filter': ['The topic to subscribe to is not one.', 'Mend the topic; the sentence says what is wrong.'],
      'subscription-refused': ['The broker refused the subscription.', 'See its reason code below.'],
      'not-acknowledged': [
        'The flow behind an mqtt-in that acknowledges when the flow is done did not acknowledge a message in time.',
        'See that every path of the flow ends in an mqtt-ack, also the one behind a Catch node; or give it more time.',
      ],
      'not-answered': [
        'The broker has not answered SUBSCRIBE for 30 seconds, though the connection is up: it may send nothing for that filter.',
        'Nothing, if the node turns green again: the answer came. Otherwise read the log of the broker, and deploy the connection again.',
      ],
    },
  },
  {
    title: 'Notices',
    where: 'In the log, as a warning: the connection goes on, and a person should know.',
    codes: {
      'message-skipped': [
        'A received message was not taken in, because it is too large or has more than 10,000 properties. It was acknowledged.',
        'Ask whoever sends it to send less.',
      ],
      'receiver-failed': [
        'A node threw an exception while it received a message. The message counts as received.',
        'Mend the node that is named, or its flow.',
      ],
      'qos-downgraded': [
        'The broker answers QoS 2 as if it were QoS 1.',
        'Expect such messages twice now and then, or use QoS 1.',
      ],
      'session-lost': [
        'The broker lost the session. QoS 2 messages that were under way are sent again, and may come twice.',
        'Where that matters: no clean session here, and persistence at the broker.',
      ],
      'session-moved': [
        'The connection has another broker now, and what waited goes there.',
        'Nothing, if that was meant.',
      ],
      'reception-paused': [
        'So many received messages wait for nodes that a deploy is about to bring back that no more are read.',
        'Nothing: it goes on when the deploy is over. The broker keeps the rest.',
      ],
      'store-failed': [
        'The session cannot be kept on disk, or not all of it, or is there again.',
        'The sentence says why. Until then it is in memory, and the disk is tried every 10 seconds.',
      ],
    },
  },
];

/** Reason codes of CONNACK, SUBACK, PUBACK, PUBREC and DISCONNECT: what they mean, what to do. */
export const REASONS = {
  0x00: ['It went well. In a DISCONNECT: the broker ends the connection and gives no reason.', 'Nothing.'],
  0x01: ['Subscribed, at QoS 1 at most.', 'Nothing.'],
  0x02: ['Subscribed, at QoS 2 at most.', 'Nothing.'],
  0x10: [
    'The broker has the message, and nobody is subscribed to it.',
    'Nothing. If somebody should be: compare the topics.',
  ],
  0x80: ['The broker refuses, and gives no reason.', 'Read the log of the broker; often it is a missing right.'],
  0x81: ['The broker could not read what we sent.', 'Try protocol 3.1.1. Report it with the logs of both sides.'],
  0x82: ['The broker says that we broke the protocol.', 'Report it with the logs of both sides.'],
  0x83: ['The broker refuses for a reason of its own.', 'Read the log of the broker.'],
  0x84: ['The broker does not speak this version of MQTT.', 'Choose the protocol "Automatic", or 3.1.1.'],
  0x85: ['The broker does not take the client ID.', 'Choose another: some brokers want a certain one, or a short one.'],
  0x86: ['User name or password is wrong.', 'Enter both again in the connection.'],
  0x87: [
    'The user may not do this: connect, subscribe to this topic, or publish to it.',
    'Give the user the right at the broker, or use another topic.',
  ],
  0x88: ['The broker cannot be used at the moment.', 'Wait: it is tried again.'],
  0x89: ['The broker has too much to do.', 'Wait: it is tried again.'],
  0x8a: ['The broker has banned this client.', 'Ask whoever runs the broker.'],
  0x8b: ['The broker shuts down.', 'Wait: it is tried again.'],
  0x8c: [
    'The broker wants a way of authentication that these nodes do not have.',
    'Use user name and password, or a client certificate.',
  ],
  0x8d: [
    'The broker heard nothing for one and a half times the keep alive.',
    'If it repeats: check the network, and whether something blocks Node-RED for so long.',
  ],
  0x8e: ['Another client connected with the same client ID.', 'Give each connection a client ID of its own.'],
  0x8f: [
    'The broker does not take this topic filter.',
    'Subscribe to another; the log of the broker may say what it minds.',
  ],
  0x90: ['The broker does not take this topic; in a CONNACK that of the will message.', 'Use another topic.'],
  0x91: [
    'The broker thinks that an answer to an earlier packet is missing.',
    'If it repeats: report it with the logs of both sides.',
  ],
  0x93: [
    'The broker says that it has got more unanswered messages than it allows.',
    'If it repeats: set "In flight at most" of the connection lower.',
  ],
  0x94: ['The broker does not know a Topic Alias. These nodes send none.', 'Report it with the logs of both sides.'],
  0x95: [
    'A packet was larger than the broker takes; in a CONNACK the CONNECT with its will message.',
    'Send smaller messages, or raise the limit of the broker.',
  ],
  0x96: ['The broker got too many messages in a short time.', 'Send fewer, or raise the limit of the broker.'],
  0x97: ['A quota of the broker is used up.', 'Send or keep less, or raise the quota.'],
  0x98: ['Somebody ended the connection at the broker.', 'Ask whoever runs the broker.'],
  0x99: [
    'The payload is not what its format says; in a CONNACK that of the will message.',
    'Send UTF-8 text, or leave the Payload Format Indicator out.',
  ],
  0x9a: ['The broker keeps no retained messages; in a CONNACK: the will message is retained.', 'Untick retain.'],
  0x9b: ['The broker does not have this QoS; in a CONNACK that of the will message.', 'Choose a lower QoS.'],
  0x9c: [
    'Another broker is to be used for now.',
    'Ask whoever runs the broker, and enter its address in the connection.',
  ],
  0x9d: ['The broker has moved.', 'Enter its new address in the connection.'],
  0x9e: ['The broker has no shared subscriptions.', 'Subscribe without $share.'],
  0x9f: ['There are too many new connections.', 'Wait: it is tried again.'],
  0xa0: ['The connection has been up for as long as the broker allows.', 'Nothing: it is made again.'],
  0xa1: [
    'The broker has no Subscription Identifiers, and did not say so.',
    'Choose protocol 3.1.1, or report it to whoever makes the broker.',
  ],
  0xa2: ['The broker has no subscriptions with wildcards.', 'Subscribe to topics without + and #.'],
};

/** Codes of the system, of OpenSSL and of the certificate check of Node.js, which nodes/common/status.ts knows. */
export const SYSTEM = {
  ECONNREFUSED: ['The host is there, and nothing listens on the port.', 'Start the broker, or correct the port.'],
  ECONNRESET: ['The other side cut the connection.', 'If it repeats: check the port, and whether it wants TLS.'],
  EHOSTUNREACH: ['There is no way to the host.', 'Check address, network and firewall.'],
  ENETUNREACH: ['There is no way to the network of the host.', 'Check the network of this machine.'],
  ENOTFOUND: ['The name of the host is not known.', 'Check its spelling, and the name server.'],
  EAI_AGAIN: ['The name server did not answer.', 'Check the network; it is tried again.'],
  ETIMEDOUT: ['The host did not answer.', 'Check address and firewall.'],
  CERT_HAS_EXPIRED: ['The certificate of the broker has expired.', 'Renew it; check the clock of this machine.'],
  CERT_NOT_YET_VALID: ['The certificate of the broker is not valid yet.', 'Check the clock of this machine.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'The broker vouches for its certificate itself.',
    'Give the certificate as that of an authority in a TLS configuration.',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'An authority that is not known here signed the certificate.',
    'Give its certificate in a TLS configuration.',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'The certificate is for another host.',
    'Connect by the name that it is for, or enter that as the server name of the TLS configuration.',
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'Who signed the certificate is not known here.',
    'Give the certificate of the authority in a TLS configuration.',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'Who signed the certificate is not known here.',
    'Let the broker send the certificates between, or give that of the authority in a TLS configuration.',
  ],
};
