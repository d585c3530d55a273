"""Mail: SMTP in and out, on well-kept libraries.

    from kamesh.components.mail import Mail, SMTPClient, SMTPServer

Needs the extra `mail` (`pip install "kamesh[mail]"`): aiosmtpd and aiosmtplib. Neither is imported
before it is used.

Laws: a mail is accepted only when somebody has it; each that is to be delivered is accounted for.
"""

from kamesh.components.mail.client import SMTPClient
from kamesh.components.mail.messages import Delivered, Mail, Question, Undelivered
from kamesh.components.mail.server import SMTPServer

__all__ = ["Delivered", "Mail", "Question", "SMTPClient", "SMTPServer", "Undelivered"]
