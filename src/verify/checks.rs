//! The checks: each is a claim about the server, and the dialogue that proves it.

use std::future::Future;
use std::pin::Pin;

use super::imap::{self, Reader};
use super::managesieve::Scripts;
use super::message::{Message, token};
use super::smtp::{Dialogue, Door, Reply, accepted, hold};
use super::{Mailbox, Subject, Trouble, tls};

type Running = Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send>>;

/// A claim and its proof.
pub(super) struct Check {
    pub(super) claim: &'static str,
    pub(super) run: fn(Subject) -> Running,
}

macro_rules! checks {
    ($($claim:literal => $check:ident),* $(,)?) => {
        /// Every check, in the order of the report.
        pub(super) const ALL: &[Check] = &[
            $(Check { claim: $claim, run: |subject| Box::pin($check(subject)) },)*
        ];
    };
}

checks! {
    "one certificate for the host's name on 25, 465 and 587" => certificates,
    "mail sent through 587 (STARTTLS) is read over 993, byte for byte" => submission,
    "mail sent through 465 (TLS, password) is read over 993" => submissions,
    "mail from outside, through 25, reaches a mailbox" => outside,
    "mail to an alias reaches its mailbox" => alias,
    "a script uploaded over ManageSieve files a message" => sieve,
    "mail for strangers is refused (no open relay)" => relay,
    "mail to an unknown recipient is refused while the sender listens" => unknown_recipient,
    "a wrong password is refused, by SMTP and IMAP" => wrong_password,
    "passwords are not asked for before TLS" => no_login_without_tls,
    "one user can't send as another" => spoofed_sender,
    "mail to a full mailbox is refused while the sender listens" => quota,
}

/// An address that no DNS is needed to believe in: a mail server of the client's own, by its address.
const OUTSIDE: &str = "visitor@[127.0.0.1]";
/// A recipient elsewhere; `.example` never resolves (RFC 2606).
const STRANGER: &str = "stranger@elsewhere.example";

fn first(subject: &Subject) -> Result<Mailbox, Trouble> {
    roomy(subject, 0)
}

/// The `index`th mailbox that is not about to be full.
fn roomy(subject: &Subject, index: usize) -> Result<Mailbox, Trouble> {
    let mut rooms: Vec<&Mailbox> = subject.mailboxes.iter().collect();
    // Stable: the order of the inventory, the ones that are easily filled last.
    rooms.sort_by_key(|mailbox| mailbox.quota.is_some_and(is_small));
    rooms
        .get(index)
        .map(|mailbox| (*mailbox).clone())
        .ok_or_else(|| Trouble::Skipped(format!("the inventory has fewer than {} mailboxes", index + 1)))
}

/// Small enough to be filled by a check.
fn is_small(quota: u64) -> bool {
    (1..=10 * 1024 * 1024).contains(&quota)
}

async fn send(
    subject: &Subject,
    door: Door,
    sender: Option<&Mailbox>,
    message: &Message,
) -> Result<(), Trouble> {
    let (subject, sender, message) = (subject.clone(), sender.cloned(), message.clone());
    hold(move || {
        let mut dialogue = match &sender {
            Some(_) => Dialogue::secure(&subject, door)?,
            None => Dialogue::open(&subject, door)?,
        };
        if let Some(sender) = &sender {
            dialogue.log_in(sender)?;
        }
        let reply = dialogue.send(&message)?;
        accepted(reply, &message)
    })
    .await
}

/// Sends the message, and waits for it in a folder of `mailbox`.
async fn travels(
    subject: &Subject,
    door: Door,
    sender: Option<&Mailbox>,
    message: &Message,
    mailbox: &Mailbox,
    folder: &str,
) -> Result<(), Trouble> {
    // Before: a mailbox that is new is made when it is opened, and Dovecot 2.4.1 was seen to break off a delivery that
    // makes it at the same moment. Postfix tries again only after minutes.
    let mut reader = Reader::open(subject, mailbox).await?;
    send(subject, door, sender, message).await?;
    let body = reader.body(message, folder).await?;
    reader.close().await;
    if body.trim_end() == message.body.trim_end() {
        return Ok(());
    }
    Err(Trouble::Failed(format!(
        "the body changed on its way: sent {:?}, arrived {body:?}",
        message.body
    )))
}

async fn certificates(subject: Subject) -> Result<(), Trouble> {
    hold(move || {
        let mut seen: Option<Vec<u8>> = None;
        for door in [Door::Submissions, Door::Submission, Door::Server] {
            let certificate = Dialogue::secure(&subject, door)?.certificate()?;
            tls::check_name(&certificate, &subject.hostname)?;
            if seen.as_ref().is_some_and(|first| *first != certificate) {
                return Err(Trouble::Failed(format!("{door:?} has a certificate of its own")));
            }
            seen = Some(certificate);
        }
        Ok(())
    })
    .await
}

async fn through(subject: Subject, door: Door) -> Result<(), Trouble> {
    let from = first(&subject)?;
    let to = roomy(&subject, 1).unwrap_or_else(|_| from.clone());
    let message = Message::new(&from.address, &to.address)?;
    travels(&subject, door, Some(&from), &message, &to, "INBOX").await
}

async fn submission(subject: Subject) -> Result<(), Trouble> {
    through(subject, Door::Submission).await
}

async fn submissions(subject: Subject) -> Result<(), Trouble> {
    through(subject, Door::Submissions).await
}

async fn outside(subject: Subject) -> Result<(), Trouble> {
    let to = first(&subject)?;
    let message = Message::new(OUTSIDE, &to.address)?;
    travels(&subject, Door::Server, None, &message, &to, "INBOX").await
}

async fn alias(subject: Subject) -> Result<(), Trouble> {
    let found = subject.aliases.iter().find_map(|(address, targets)| {
        let mailbox = subject
            .mailboxes
            .iter()
            .find(|mailbox| targets.contains(&mailbox.address))?;
        Some((address.clone(), mailbox.clone()))
    });
    let Some((address, mailbox)) = found else {
        return Err(Trouble::Skipped(
            "the inventory has no alias that leads to one of its mailboxes".into(),
        ));
    };
    let message = Message::new(OUTSIDE, &address)?;
    travels(&subject, Door::Server, None, &message, &mailbox, "INBOX").await
}

async fn sieve(subject: Subject) -> Result<(), Trouble> {
    let mailbox = first(&subject)?;
    let message = Message::new(OUTSIDE, &mailbox.address)?;
    let folder = format!("Filed-{}", token());
    let name = "mailprov-verify";
    let script = format!(
        "require [\"fileinto\", \"mailbox\"];\r\n\
         if header :contains \"subject\" \"{}\" {{ fileinto :create \"{folder}\"; }}\r\n",
        message.token
    );
    let mut scripts = Scripts::open(&subject, &mailbox).await?;
    let before = scripts.active().await?;
    scripts.put(name, &script).await?;
    scripts.activate(name).await?;
    let filed = async {
        travels(&subject, Door::Server, None, &message, &mailbox, &folder).await?;
        let mut reader = Reader::open(&subject, &mailbox).await?;
        reader.remove(&folder).await?;
        reader.close().await;
        Ok(())
    }
    .await;
    // The user's own script is put back, whatever became of the check.
    scripts
        .activate(
            before
                .as_deref()
                .filter(|active| *active != name)
                .unwrap_or_default(),
        )
        .await?;
    scripts.delete(name).await?;
    filed
}

async fn relay(subject: Subject) -> Result<(), Trouble> {
    hold(move || {
        let reply = Dialogue::open(&subject, Door::Server)?.envelope(OUTSIDE, STRANGER, None)?;
        refused(reply, &format!("a stranger's mail to {STRANGER}"))
    })
    .await
}

async fn unknown_recipient(subject: Subject) -> Result<(), Trouble> {
    let domain = subject
        .mailboxes
        .iter()
        .filter_map(|mailbox| mailbox.address.split_once('@'))
        .map(|(_, domain)| domain.to_owned())
        .find(|domain| !subject.catch_all.contains(domain));
    let Some(domain) = domain else {
        return Err(Trouble::Skipped(
            "every domain takes mail for every address".into(),
        ));
    };
    hold(move || {
        let address = format!("nobody-{}@{domain}", token());
        let reply = Dialogue::open(&subject, Door::Server)?.envelope(OUTSIDE, &address, None)?;
        refused(reply, &format!("mail to {address}, which does not exist,"))
    })
    .await
}

fn refused(reply: Reply, what: &str) -> Result<(), Trouble> {
    match reply {
        Reply::Refused { .. } => Ok(()),
        Reply::Accepted => Err(Trouble::Failed(format!("{what} was accepted"))),
    }
}

async fn wrong_password(subject: Subject) -> Result<(), Trouble> {
    let mailbox = first(&subject)?;
    let wrong = token();
    if imap::lets_in(&subject, &mailbox.address, &wrong).await? {
        return Err(Trouble::Failed(format!(
            "IMAP lets {} in with a wrong password",
            mailbox.address
        )));
    }
    hold(move || {
        let reply = Dialogue::secure(&subject, Door::Submission)?.login(&mailbox.address, &wrong)?;
        refused(reply, "a wrong password on port 587")
    })
    .await
}

async fn no_login_without_tls(subject: Subject) -> Result<(), Trouble> {
    hold(move || {
        for door in [Door::Server, Door::Submission] {
            if Dialogue::open(&subject, door)?.offers_login() {
                return Err(Trouble::Failed(format!("{door:?} offers AUTH before STARTTLS")));
            }
        }
        if !Dialogue::secure(&subject, Door::Submission)?.offers_login() {
            return Err(Trouble::failed("port 587 offers no AUTH after STARTTLS either"));
        }
        Ok(())
    })
    .await
}

async fn spoofed_sender(subject: Subject) -> Result<(), Trouble> {
    let (user, other) = (first(&subject)?, roomy(&subject, 1)?);
    hold(move || {
        let mut dialogue = Dialogue::secure(&subject, Door::Submission)?;
        dialogue.log_in(&user)?;
        let reply = dialogue.envelope(&other.address, &user.address, None)?;
        refused(
            reply,
            &format!("mail of {} in the name of {}", user.address, other.address),
        )
    })
    .await
}

async fn quota(subject: Subject) -> Result<(), Trouble> {
    let found = subject.mailboxes.iter().find_map(|mailbox| {
        let quota = mailbox.quota.filter(|quota| is_small(*quota))?;
        Some((mailbox.clone(), quota))
    });
    let Some((mailbox, quota)) = found else {
        return Err(Trouble::Skipped(
            "the inventory has no mailbox with a quota of 10 MB or less".into(),
        ));
    };
    let mut reader = Reader::open(&subject, &mailbox).await?;
    reader.clear("INBOX").await?;
    // Two of these don't fit, whatever grace is given to the last message.
    let mut refusal = None;
    for _ in 0..3 {
        let message = Message::sized(OUTSIDE, &mailbox.address, quota / 10 * 7)?;
        let (server, sent) = (subject.clone(), message.clone());
        let reply = hold(move || Dialogue::open(&server, Door::Server)?.send(&sent)).await?;
        match reply {
            // What is not delivered yet does not count yet.
            Reply::Accepted => drop(reader.body(&message, "INBOX").await?),
            Reply::Refused { words, .. } => {
                refusal = Some(words);
                break;
            }
        }
    }
    reader.clear("INBOX").await?;
    reader.close().await;
    match refusal {
        Some(words) if words.to_lowercase().contains("quota") || words.contains(".2.2") => Ok(()),
        Some(words) => Err(Trouble::Failed(format!(
            "refused for another reason than the quota: {words}"
        ))),
        None => Err(Trouble::Failed(format!(
            "{} took twice its quota of {quota} bytes",
            mailbox.address
        ))),
    }
}
