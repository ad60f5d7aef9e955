"""What a page says about the form that led to it: by name, so that no link can put words in our mouth."""

from typing import Final

NOTES: Final = {
    "saved": "Saved.",
    "created": "The API is created. Nobody can call it yet: say where it leads, then publish it.",
    "publish": "Published. The store shows it, and subscribers can connect.",
    "prototype": "Published as a prototype: any application's token may connect, without a subscription.",
    "block": "Blocked. Open connections are closed, new ones refused.",
    "unblock": "Open again. Subscribers can connect.",
    "deprecate": "Deprecated. Who has subscribed can go on; nobody new can subscribe.",
    "retire": "Retired. Its connections are closed, and it is gone from the store.",
    "demote": "Taken back to CREATED. The store does not show it any more.",
    "deleted": "Deleted.",
    "version": "A new version, in state CREATED. Publish it when it is ready.",
    "subscribed": "Subscribed. Now get keys, or try it at once.",
    "moved": "The subscription is under its new policy.",
    "all_moved": "The subscriptions are on this version now.",
    "document": "Saved. Who may see the document finds it among the API's documents.",
    "unsubscribed": "Unsubscribed. Its open connections are closed.",
    "application": "The application is there. Subscribe it to an API, and get keys.",
    "application_deleted": "The application is gone, with its keys and subscriptions.",
    "key_deleted": "The keys are gone. Tokens that they fetched stop working.",
    "api_key_deleted": "The API key is gone. Connections that came with it are closed.",
    "subscription_blocked": "The subscription is blocked. Its open connections are closed within a second.",
    "subscription_unblocked": "The subscription works again.",
    "rotated": "New tokens are signed with the next key. The old one is kept until its last token has expired.",
    "blocked": "Blocked. Connections that meet it are closed within a second.",
    "unblocked": "Not blocked any more.",
    "closed": "The connections are being closed.",
}
